"""Consoles of qmfagent: the scripting API, and the command line on top of it."""

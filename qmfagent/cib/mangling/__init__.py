"""What makes a publication fit for one site: ticket rules, overrides, XSLT steps."""

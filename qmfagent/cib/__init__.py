"""The CIB as a document: pure functions on immutable snapshots. No I/O, no QMF."""

"""Files and database tables as rows of text: one file per kind, all of them giving the same `OpenTable`."""

"""The people side: everything that people do at a desk. May import `ivr`; never the other way."""

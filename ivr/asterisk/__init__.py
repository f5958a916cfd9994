"""The only door to Asterisk: AMI, FastAGI, the CEL spool and the variables shared with it."""

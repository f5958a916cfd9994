"""Service types and categories: the taxonomies in their versions, and how a request gets one."""

"""Our XSDs by family and version, code lists, examples, and the catalogue of what is valid when."""

"""The rules of the decree, one module a chapter, one function a number."""

"""A message as a page that people read: HTML and PDF, in plain German.

Promises: pure but for `resources` (template, font, catalogue); shows all that the XML says and nothing else, whether
its schema is known or not; whatever a message contains, the page has no active content and no reference to the outside.
Fails: `TooLarge` for a message beyond the limits of a page.
"""

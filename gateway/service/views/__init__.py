"""What programs and operators read: messages, lists, search, Vorgänge, the API's description, health."""

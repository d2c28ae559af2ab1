"""OpenID Connect: trusted issuers, their keys, and the tokens that they sign."""

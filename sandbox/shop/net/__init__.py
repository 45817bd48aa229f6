"""The network between the services: one proxy edge per connection, each with a path A and a path B."""

"""What AWS does between services, one player per kind of hop."""

"""What a timer is and may become: pure functions over frozen data."""

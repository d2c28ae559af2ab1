"""What AWS does now and then, on request: take its time, deliver twice, refuse, break off."""

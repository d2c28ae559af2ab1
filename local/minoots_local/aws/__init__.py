"""The emulated AWS: moto behind one gate, with leaner parts where moto's are slow."""

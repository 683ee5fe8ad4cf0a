"""The command line, `xinglin …`."""

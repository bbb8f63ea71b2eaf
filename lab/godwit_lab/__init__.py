"""Domains in network namespaces: topology file in, running daemons out."""

"""How fast nirgan is on this machine, beside the same work done the conventional way; see this folder's README."""

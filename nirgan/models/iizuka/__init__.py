"""«Let there be Color!» (Iizuka et al. 2016), and its reimplementation by Jacob and Darcet."""

from nirgan.models.iizuka.recipe import Iizuka

__all__ = ["Iizuka"]

"""Linear chains as one convolution each.

A rule (``rules.py``; one file an operator family: ``conv``, ``batch_norm``, ``scale``, ``branches``, ...) says as what
sum of convolutions a node's output depends on its inputs. ``algebra.py`` and ``border.py`` know when two of those are
one, exactly and borders included; ``search.py`` chooses what is worth it, ``emit.py`` writes it down, ``left.py`` says
why the rest stays, and ``proof.py`` runs both networks. ``outcome.py`` is the whole on one screen.
"""

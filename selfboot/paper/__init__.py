"""The paper's own protocol: what its scripts say to a model (``texts``), and how they run (``protocols``)."""

"""Lower bounds on mutual information, in nats: Barber-Agakov, InfoNCE, and what the authors of MMIM computed."""

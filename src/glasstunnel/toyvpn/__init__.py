"""ToyVpn: the protocol of Android's sample, as it is and repaired; pure.

Rule: what goes over the wire is what the unmodified sample understands; what is better is better on our side.
``sample_server`` and ``sample_client`` are the sample's own two ends, faults and all, with injected time;
``server`` and ``client`` are ours. **ToyVpn neither encrypts nor authenticates data.**
"""

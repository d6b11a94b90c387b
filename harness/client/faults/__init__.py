"""What chaos does to this device: the timeline carried out, faults over attempts, devices and messages, outages.

Imports: chaos (fault models and timeline), api, auth, clock, context, network_state, realtime.phoenix, write.
"""

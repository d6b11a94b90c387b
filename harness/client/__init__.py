"""One device with one signed-in person, exactly as the shipped client behaves.

device.py puts the parts together; context.py names what they see of each other. Low to high, each standing only on
what comes before it (`api/client.py` alone of `api` stands above `notes.py`):

    http, api              one request on the wire; what the app's calls are, pure data
    clock, network_state, session_log, write, notes, behaviour, rng, background_tasks, interruptible_sleep
    auth, events, cache, realtime
    faults                 what chaos does to this device
    page, kit, device      a tab's memory; what a worker's devices share; the device
    screens                what a person does

Imports: harness.core, chaos (fault models and timeline, in `faults` only), libraries. Never Locust, gevent,
harness.load, harness.record, or anything that judges.
"""

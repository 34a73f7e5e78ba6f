"""BullMQ's Python side: adds jobs and reads them, or works a queue until it is ended.

peer.py PORT add QUEUE ID…     adds a job per id, with data that is hard to keep
peer.py PORT get QUEUE ID      tells the job's state, data and return value as JSON
peer.py PORT work QUEUE        completes each job with {"by": "python", "data": its data}
"""

import asyncio
import json
import sys

from bullmq import Job, Queue, Worker

DATA = {"text": "नमस्ते", "float": 1.0, "big": 2**53 + 1, "empty": [], "nested": {"a": None}}


async def main():
    port, what, name, *ids = sys.argv[1:]
    connection = {"host": "127.0.0.1", "port": int(port)}
    if what == "work":

        async def run(job, token):
            return {"by": "python", "data": job.data}

        worker = Worker(name, run, {"connection": connection})
        print("works", flush=True)
        await asyncio.Event().wait()
        await worker.close()
        return
    queue = Queue(name, {"connection": connection})
    if what == "add":
        for job_id in ids:
            opts = {"jobId": job_id, "attempts": 3, "backoff": {"type": "fixed", "delay": 50}}
            await queue.add("create-order", DATA, opts)
    else:
        job = await Job.fromId(queue, ids[0])
        state = await queue.getJobState(ids[0])
        told = {"state": state, "data": job.data, "value": job.returnvalue, "made": job.attemptsMade}
        print(json.dumps(told))
    await queue.close()


asyncio.run(main())

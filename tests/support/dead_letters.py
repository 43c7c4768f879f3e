"""A queue of dead letters in memory."""


class FakeQueue:
    """SQS, as far as it is asked here. A message that was received is hidden."""

    def __init__(self, *bodies):
        self.messages = {str(number): body for number, body in enumerate(bodies)}
        self.hidden = set()
        self.polls = 0

    def get_queue_url(self, **_):
        return {"QueueUrl": "https://sqs"}

    def receive_message(self, WaitTimeSeconds=0, **_):  # noqa: N803 - as SQS has it
        """Short polling asks one of two servers, and finds what is there."""
        self.polls += 1
        if not WaitTimeSeconds and self.polls % 2:
            return {}
        seen = [name for name in self.messages if name not in self.hidden][:2]
        self.hidden.update(seen)
        return {"Messages": [{"ReceiptHandle": name, "Body": self.messages[name]} for name in seen]} if seen else {}

    def delete_message(self, ReceiptHandle, **_):  # noqa: N803 - as SQS has it
        del self.messages[ReceiptHandle]
        self.hidden.discard(ReceiptHandle)

    def change_message_visibility(self, ReceiptHandle, **_):  # noqa: N803 - boto3's name
        self.hidden.discard(ReceiptHandle)

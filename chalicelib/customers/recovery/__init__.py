"""Getting back into an account: by a link in a mail, or by a code in a text message.

Nothing here tells a stranger whether there is an account: the request does the same work either way, and what differs is
done by a worker after the answer.
"""

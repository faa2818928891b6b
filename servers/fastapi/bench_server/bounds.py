"""Every bound of the work contract, and those that this server adds."""

MAX_SLEEP_MS = 60_000
MAX_CALLS = 100
MAX_CALL_MS = 60_000
MAX_ROUNDS = 100_000_000
MAX_HASH_KIB = 65_536
FILE_SIZES_KIB = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MAX_EVENTS = 10_000
MAX_EVENT_MS = 60_000

MAX_CUSTOMER_ID = 2**53 - 1
MAX_ITEMS = 100
MAX_SKU_CHARACTERS = 32
MAX_QUANTITY = 1_000
MAX_UNIT_PRICE_CENTS = 1_000_000

# Rows of `products`; rows of /db/products, and queries of /db/queries; from one id of those to the next; how long a
# product stays in the cache.
PRODUCTS = 10_000
QUERIES = 20
QUERY_STRIDE = 487
CACHED_S = 60

# How long a request waits for a connection to the database, where its driver has such a bound: their own.
DATABASE_WAIT_S = 30
MAX_DATABASE_CONNECTIONS = 262_143

# Bytes of a request's head, and of its body.
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 1024 * 1024

# One chat message; and what a member of the chat may leave unread, whichever comes first.
MAX_MESSAGE_BYTES = 65_536
MAX_UNREAD_MESSAGES = 1_024
MAX_UNREAD_BYTES = 1024 * 1024

# How long members of the chat may take to answer the close with which a stop begins.
CHAT_GOODBYE_S = 1.0

# Connections to the upstream, idle ones included; further calls wait for one to come free.
MAX_UPSTREAM_CONNECTIONS = 4_096
# How much longer than it was asked to take a call to the upstream may last before it has failed.
CALL_EXTRA_MS = 10_000
# A reply of the upstream is a number.
MAX_REPLY_BYTES = 64
# Idle connections, both those of clients and those to the upstream, outlive any run: opening them anew after a pause
# would be measured as part of the next burst.
IDLE_CONNECTION_S = 24 * 3600

# Connections that may wait to be accepted (`listen(2)`).
BACKLOG = 1_024
# How long requests in flight may take to finish after a stop was asked for.
GRACE_S = 10

# Interval of the sampler that measures loop lag, and the longest lag that is told apart from longer ones.
LAG_SAMPLE_S = 0.1
MAX_LAG_US = 60_000_000

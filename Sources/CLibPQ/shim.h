#pragma once
#include <libpq-fe.h>

/// Ends one independent statement of a pipeline. libpq 17 can leave the flush to the caller, which
/// then makes one write of a whole batch; older ones flush at every sync.
static inline int signalbox_pipeline_sync(PGconn *connection) {
#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    return PQsendPipelineSync(connection);
#else
    return PQpipelineSync(connection);
#endif
}

/* Compiled with native/include alone: the public headers need no other file of the project. */
#include "liteipc/hm_liteipc.h"
#include "liteipc/ipc_io.h"
#include "liteipc/liteipc.h"

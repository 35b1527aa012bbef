/*
 * The slab pool: memory of one receiving process, in which delivered messages lie until freed.
 *
 * Glossary
 *   pool          one memory in two views (two_views.h): the core writes the kernel view, the
 *                 program reads the user view. Nothing else ever lies in it: all bookkeeping is in
 *                 private memory elsewhere, so that no stray write can damage it, and freed nodes
 *                 hold no links.
 *   node          a piece of the pool, aligned to 64 bytes. Free, or live, and then either
 *                 HELD        known to the core alone, or
 *                 DELIVERED   passed to the program, which may give it back by its user address.
 *   span          a run of units (unit_runs.h) cut into up to 28 nodes of one size class.
 *   single        a run of units that is one node: larger than every class, or what is left when
 *                 the pool is too full for a span.
 *
 *     SlabPoolAllocate      SlabPoolDeliver         SlabPoolTakeUser
 *   free ----------> HELD ------------> DELIVERED --------------> HELD
 *     ^               |                     |
 *     +---------------+---------------------+   SlabPoolFree
 *
 * Threads: every function may be called by any thread of the process that made the pool, at any
 * time, except where its comment says otherwise. Nodes of up to 80 KiB are allocated and freed
 * without a lock or a system call; a span is made, and a single is allocated or freed, under a
 * mutex. After fork(2) the pool does not exist in the child: the child may only destroy it.
 *
 * Status is 0 or a negative errno. SlabPoolUsed, SlabPoolUsedNodes, SlabPoolTrim and
 * SlabPoolCheckDetail are defined in slab_upkeep.c, the other functions in slab_pool.c.
 */
#ifndef LITEIPC_MEM_SLAB_POOL_H
#define LITEIPC_MEM_SLAB_POOL_H

#include <stddef.h>

/* Every node begins at a multiple of this many bytes and is a multiple of it long. */
#define SLAB_POOL_ALIGNMENT 64U

/*
 * Largest capacity in bytes: 1 TiB. Capacity is address space; memory is used when it is touched.
 */
#define SLAB_POOL_CAPACITY_MAX ((size_t)1 << 40)

struct SlabPool;

/*
 * Makes a pool of `capacity` bytes, rounded up to whole pages (4096 bytes). `*pool` belongs to the
 * caller, who ends it with SlabPoolDestroy. Capacity is address space: be generous. Nodes of mixed
 * sizes that come and go at random fill 80 % of a pool before a node of a 64th of it finds no
 * place; four times the bytes that are live at once leaves room for unlucky patterns too.
 * Returns 0, -EINVAL (capacity 0 or over the maximum, null `pool`), -EFBIG (over RLIMIT_FSIZE),
 * -ENOMEM, -EMFILE or -ENFILE.
 */
int SlabPoolCreate(size_t capacity, struct SlabPool **pool);

/*
 * Unmaps both views and frees everything. Neither the pool nor a node may be used any more. In a
 * child of fork(2) it frees what the child inherited and touches no mapping. Null is allowed.
 */
void SlabPoolDestroy(struct SlabPool *pool);
/*
 * Called in the child of a fork(2), once for each pool of the parent: the views do not exist there,
 * and their addresses may be reused. The child may only destroy the pool, provided that no thread
 * of the parent was using it.
 */
void SlabPoolForked(const struct SlabPool *pool);
/*
 * Called when the program has changed the mapping of the user view (munmap(2), mremap(2)).
 * SlabPoolDestroy then leaves the view alone, so that it does not unmap other memory. The pool
 * itself never touches that view. Not while another thread destroys the pool.
 */
void SlabPoolDisownUserView(struct SlabPool *pool);

/*
 * Returns the first byte of the kernel view (kvaddr) or of the user view (uvaddr), or the bytes in
 * each.
 */
void *SlabPoolKernelBase(const struct SlabPool *pool);
const void *SlabPoolUserBase(const struct SlabPool *pool);
size_t SlabPoolCapacity(const struct SlabPool *pool);

/*
 * Allocates a HELD node of at least `size` bytes: `*node` is its address in the kernel view, its
 * contents are whatever was there before. Returns 0, -EINVAL (size 0) or -ENOMEM (the pool is full;
 * while another thread allocates the last nodes of a size, this may come a moment early).
 */
int SlabPoolAllocate(struct SlabPool *pool, size_t size, void **node);

/*
 * Frees a live node, HELD or DELIVERED, by its kernel address. Returns 0, -EINVAL (outside the
 * kernel view) or -EFAULT (not the start of a live node: freed before, never allocated, interior).
 */
int SlabPoolFree(struct SlabPool *pool, void *node);

/*
 * HELD to DELIVERED, after the node was filled: EnableIpcNodeFreeByUser of the LiteOS-A kernel.
 * Returns 0, -EINVAL (outside the kernel view) or -EFAULT (not the start of a HELD node).
 */
int SlabPoolDeliver(struct SlabPool *pool, void *node);

/*
 * DELIVERED to HELD, by the address in the user view: the first step of BUFF_FREE. Of several
 * threads that take the same node exactly one gets it, `*node` being its kernel address, and has to
 * free it. Whatever the program passes as address does no harm.
 * Returns 0, -EINVAL (outside the user view) or -EFAULT (not the start of a DELIVERED node).
 */
int SlabPoolTakeUser(struct SlabPool *pool, const void *userAddress, void **node);

/*
 * Returns the usable bytes of a live node that the caller holds: at least the requested size.
 * Returns 0 if `node` is not the start of a live node.
 */
size_t SlabPoolNodeSize(const struct SlabPool *pool, const void *node);

/* Returns the same byte in the other view, or null for an address outside of its view. */
void *SlabPoolKernelAddress(const struct SlabPool *pool, const void *userAddress);
const void *SlabPoolUserAddress(const struct SlabPool *pool, const void *node);

/*
 * Gauges: bytes in live nodes (as SlabPoolNodeSize counts them) and number of live nodes. Exact
 * while nobody allocates or frees. They count under the mutex, in time proportional to the number
 * of spans.
 */
size_t SlabPoolUsed(struct SlabPool *pool);
size_t SlabPoolUsedNodes(struct SlabPool *pool);

/*
 * Returns the memory of free spans and runs to the system. Takes the time of the system calls,
 * during which other threads may wait for a span, so it is meant for an idle moment. Returns 0,
 * -EOPNOTSUPP (no /proc on this system) or the error of madvise(2).
 */
int SlabPoolTrim(struct SlabPool *pool);

/*
 * Walks all bookkeeping and tests every invariant. No other thread may use the pool meanwhile.
 * Returns 0 or -EUCLEAN; `*broken` (if not null) is then a sentence of static lifetime that names
 * the broken invariant.
 */
int SlabPoolCheckDetail(struct SlabPool *pool, const char **broken);

static inline int SlabPoolCheck(struct SlabPool *pool)
{
    return SlabPoolCheckDetail(pool, NULL);
}

#endif

/*
 * Implements the doubly linked list of LiteOS (LOS_DL_LIST): intrusive, without allocation or
 * locks. An empty head links to itself.
 */
#ifndef LITEIPC_KERNEL_LIST_H
#define LITEIPC_KERNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct LOS_DL_LIST {
    struct LOS_DL_LIST *pstPrev;
    struct LOS_DL_LIST *pstNext;
} LOS_DL_LIST;

#define LOS_DL_LIST_ENTRY(item, type, member) ((type *)((char *)(item)-offsetof(type, member)))

static inline void LOS_ListInit(LOS_DL_LIST *list)
{
    list->pstPrev = list;
    list->pstNext = list;
}

static inline bool LOS_ListEmpty(const LOS_DL_LIST *list)
{
    return list->pstNext == list;
}

static inline void LOS_ListTailInsert(LOS_DL_LIST *list, LOS_DL_LIST *node)
{
    node->pstPrev = list->pstPrev;
    node->pstNext = list;
    list->pstPrev->pstNext = node;
    list->pstPrev = node;
}

/* Removes a node from its list. The node then links to itself, so a second removal does nothing. */
static inline void LOS_ListDelete(LOS_DL_LIST *node)
{
    node->pstPrev->pstNext = node->pstNext;
    node->pstNext->pstPrev = node->pstPrev;
    LOS_ListInit(node);
}

#endif

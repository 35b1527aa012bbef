/*
 * An intrusive, circular, doubly linked list. A head and a detached node point to themselves.
 * Not synchronised.
 */
#ifndef LITEIPC_PLATFORM_LIST_H
#define LITEIPC_PLATFORM_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct List {
    struct List *next, *previous;
};

/* Returns the structure of type `type` whose field `field` is the list node `node`. */
#define LIST_ENTRY(node, type, field) ((type *)(void *)((char *)(node)-offsetof(type, field)))

/* Iterates over a list. The body must not remove the current node. */
#define LIST_EACH(node, head)                                                                      \
    for (struct List *node = (head)->next; node != (head); node = node->next)

/* Iterates over a list. The body may remove the current node, and no other. */
#define LIST_EACH_REMOVABLE(node, head)                                                            \
    for (struct List *node = (head)->next, *after_##node = node->next; node != (head);             \
         node = after_##node, after_##node = node->next)

static inline void ListInit(struct List *head)
{
    head->next = head;
    head->previous = head;
}

static inline bool ListIsEmpty(const struct List *head)
{
    return head->next == head;
}

static inline void ListAppend(struct List *head, struct List *node)
{
    node->next = head;
    node->previous = head->previous;
    head->previous->next = node;
    head->previous = node;
}

/* Detaches a node. Does nothing if it is detached. */
static inline void ListRemove(struct List *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    ListInit(node);
}

/* Detaches and returns the first node, or null if there is none. */
static inline struct List *ListTake(struct List *head)
{
    if (ListIsEmpty(head)) {
        return NULL;
    }
    struct List *node = head->next;
    ListRemove(node);
    return node;
}

#endif

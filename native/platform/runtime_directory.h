/*
 * Where the control socket of a domain lives. Used by the domain, which makes the directory, and by
 * its clients, which only check it.
 *
 *   "shop"          $XDG_RUNTIME_DIR/liteipc/shop.sock, or without XDG_RUNTIME_DIR
 *                   $TMPDIR/liteipc-UID/shop.sock (TMPDIR: default /tmp)
 *   "/run/x/shop"   as it is: the directory and its permissions are the caller's business
 */
#ifndef LITEIPC_PLATFORM_RUNTIME_DIRECTORY_H
#define LITEIPC_PLATFORM_RUNTIME_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#define RUNTIME_NAME_MAX  64  /* characters of a domain's name */
#define RUNTIME_PATH_SIZE 108 /* bytes of a socket path, its NUL included: sockaddr_un.sun_path */

/*
 * Writes the path of the domain's control socket to `path` (`size` bytes, at most
 * RUNTIME_PATH_SIZE are used). With `create` the directory is made if it is missing.
 *
 * 0; -EINVAL: not a name ([A-Za-z0-9._-], 1 to 64, not starting with '.'); -ENAMETOOLONG: the path
 * does not fit; -ENOENT: no such directory (with `create`: no such parent); -EPERM: the directory
 * is not a directory, not this user's, or open to others; other errors of mkdir(2) and open(2).
 *
 * Any thread, as far as nobody changes the environment meanwhile.
 */
int RuntimeSocketPath(const char *domain, bool create, char *path, size_t size);

#endif

/*
 * The path of a domain's control socket. The domain creates the directory; its clients only check
 * it.
 *
 *   "shop"          $XDG_RUNTIME_DIR/liteipc/shop.sock, or without XDG_RUNTIME_DIR
 *                   $TMPDIR/liteipc-UID/shop.sock (TMPDIR: default /tmp)
 *   "/run/x/shop"   unchanged: the caller is responsible for the directory and its permissions
 */
#ifndef LITEIPC_PLATFORM_RUNTIME_DIRECTORY_H
#define LITEIPC_PLATFORM_RUNTIME_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#define RUNTIME_NAME_MAX  64  /* characters of a domain's name */
#define RUNTIME_PATH_SIZE 108 /* bytes of a socket path with its NUL: sockaddr_un.sun_path */

/*
 * Writes the path of the domain's control socket to `path` (`size` bytes, at most
 * RUNTIME_PATH_SIZE are used). With `create` a missing directory is created.
 *
 * -EINVAL: not a name ([A-Za-z0-9._-], 1 to 64, not starting with '.'); -ENAMETOOLONG: the path
 * does not fit; -ENOENT: no such directory (with `create`: no such parent); -EPERM: not a
 * directory, not owned by this user, or open to others; other errors of mkdir(2) and open(2).
 *
 * Any thread. No thread may change the environment at the same time.
 */
int RuntimeSocketPath(const char *domain, bool create, char *path, size_t size);

#endif

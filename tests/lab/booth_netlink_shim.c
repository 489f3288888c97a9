/* boothd and booth 1.0 look for NLMSG_DONE only at the head of a datagram, and wait for ever on kernels that append it to the
 * last datagram of a dump. This hands such a trailing NLMSG_DONE out on its own. Preloaded into booth of the lab alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

static int pending = -1; /* the socket whose NLMSG_DONE is still to be handed out */

static int is_netlink(int fd)
{
    int domain = 0;
    socklen_t length = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_NETLINK;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, struct msghdr *, int);
    if (!real)
        real = dlsym(RTLD_NEXT, "recvmsg");
    char *buffer = message->msg_iov[0].iov_base;
    if (fd == pending) {
        struct nlmsghdr *done = (struct nlmsghdr *)buffer;
        memset(done, 0, NLMSG_LENGTH(4));
        done->nlmsg_len = NLMSG_LENGTH(4);
        done->nlmsg_type = NLMSG_DONE;
        pending = -1;
        return done->nlmsg_len;
    }
    ssize_t count = real(fd, message, flags);
    if (count <= 0 || !is_netlink(fd))
        return count;
    int left = count;
    for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
        if (header->nlmsg_type == NLMSG_DONE && (char *)header != buffer) {
            pending = fd;
            return (char *)header - buffer;
        }
    return count;
}

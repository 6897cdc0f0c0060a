"""The system calls that a sandboxed program is refused, as a filter that is put on each program (inside/tree.py).

Namespaces and resource limits leave ways around the memory limit: System V shared memory, message queues and memory
files are charged to no process, and a nested user namespace may mount a memory file system of its own. None of these
calls is needed to run a program, so they fail with EPERM; so do tracing, key rings, BPF and io_uring, for less surface.
Of sockets only those between processes of one machine can be made: what is on its way through others is charged to nobody.
"""

import errno
import platform
import struct

# name -> (x86-64, arm64), from the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h
REFUSED = {
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "perf_event_open": (298, 241), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219),
}  # fmt: skip
CLONE, CLONE3 = (56, 220), 435
SOCKETS = ((41, 198), (53, 199))  # socket, socketpair
AF_UNIX = 1  # linux/socket.h
NEW_NAMESPACES = 0x7E020000  # the CLONE_NEW* flags of linux/sched.h
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above; AUDIT_ARCH_* of linux/audit.h
X32 = 0x40000000  # the bit of x86-64's second set of call numbers

# linux/bpf_common.h and linux/seccomp.h
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL_PROCESS, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


def filter_program(machine: str = platform.machine()) -> bytes:
    """The classic BPF program that `prctl(PR_SET_SECCOMP)` takes; KeyError on a machine other than those of MACHINES."""
    column, architecture = MACHINES[machine]
    refuse = (RETURN, 0, 0, ERROR | errno.EPERM)
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL_PROCESS),  # a 32-bit call, whose numbers mean something else
        (LOAD, 0, 0, NUMBER),
        (JUMP_AT_LEAST, 0, 1, X32),
        refuse,
    ]
    for numbers in REFUSED.values():
        program += [(JUMP_EQUAL, 0, 1, numbers[column]), refuse]
    program += [
        (JUMP_EQUAL, 1, 0, SOCKETS[0][column]),
        (JUMP_EQUAL, 0, 4, SOCKETS[1][column]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_EQUAL, 1, 0, AF_UNIX),
        (RETURN, 0, 0, ERROR | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
        (JUMP_EQUAL, 0, 1, CLONE3),  # its flags are out of the filter's sight; the C library then takes clone
        (RETURN, 0, 0, ERROR | errno.ENOSYS),
        (JUMP_EQUAL, 0, 3, CLONE[column]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES),
        refuse,
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)

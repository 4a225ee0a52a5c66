package main

// A debugger dumps all of a mapping that begins with an ELF header, the kernel only the first
// page. Code says nothing of maps, so this process leaves it out of its dumps, but for that page.

import "syscall"

func slim() {
	const dontDump = 16 // MADV_DONTDUMP
	from, to := firstMapping()
	page := uintptr(syscall.Getpagesize())
	if from == 0 || to <= from+page {
		fail("no first mapping")
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_MADVISE, from+page, to-from-page, dontDump); e != 0 {
		fail("madvise: " + e.Error())
	}
}

// firstMapping reads where the first line of the process's maps begins and ends.
func firstMapping() (from, to uintptr) {
	fd, err := syscall.Open("/proc/self/maps", syscall.O_RDONLY, 0)
	if err != nil {
		fail("cannot open /proc/self/maps: " + err.Error())
	}
	defer syscall.Close(fd)
	b := make([]byte, 64)
	n, _ := syscall.Read(fd, b)
	for _, c := range b[:n] {
		switch {
		case c >= '0' && c <= '9':
			to = to<<4 | uintptr(c-'0')
		case c >= 'a' && c <= 'f':
			to = to<<4 | uintptr(c-'a'+10)
		case c == '-':
			from, to = to, 0
		default:
			return from, to
		}
	}
	return 0, 0
}

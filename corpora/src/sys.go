package main

// The few things wanted from the operating system, without package os: it
// would double the size of the binary.

import "syscall"

// arguments reads the command line as the kernel keeps it.
func arguments() []string {
	fd, err := syscall.Open("/proc/self/cmdline", syscall.O_RDONLY, 0)
	if err != nil {
		fail("cannot open /proc/self/cmdline: " + err.Error())
	}
	defer syscall.Close(fd)
	var all []byte
	buf := make([]byte, 4096)
	for {
		n, err := syscall.Read(fd, buf)
		if n <= 0 || err != nil {
			break
		}
		all = append(all, buf[:n]...)
	}
	var args []string
	start := 0
	for i, b := range all {
		if b == 0 {
			args = append(args, string(all[start:i]))
			start = i + 1
		}
	}
	return args
}

// writeFile writes to a temporary name and renames, so that whoever waits for
// the file never sees half of it.
func writeFile(name string, data []byte) {
	tmp := name + ".tmp"
	fd, err := syscall.Open(tmp, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, 0o644)
	if err != nil {
		fail("cannot create " + tmp + ": " + err.Error())
	}
	for len(data) > 0 {
		n, err := syscall.Write(fd, data)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			fail("cannot write " + tmp + ": " + err.Error())
		}
		data = data[n:]
	}
	syscall.Close(fd)
	if err := syscall.Rename(tmp, name); err != nil {
		fail("cannot rename " + tmp + ": " + err.Error())
	}
}

func say(s string)      { syscall.Write(1, []byte(s+"\n")) }
func complain(s string) { syscall.Write(2, []byte(s+"\n")) }

// fail ends the process without a core: the scenario did not come about.
func fail(why string) {
	complain("zoo: " + why)
	syscall.Exit(3)
}

func exit(code int) { syscall.Exit(code) }

func nap(milliseconds int64) {
	ts := syscall.NsecToTimespec(milliseconds * 1e6)
	syscall.Nanosleep(&ts, nil)
}

// abort dies of SIGABRT from outside, as with kill(1): the runtime prints its
// traceback and, with GOTRACEBACK=crash, the kernel writes the core.
func abort() {
	syscall.Kill(syscall.Getpid(), syscall.SIGABRT)
	for {
		nap(1000)
	}
}

// wait announces that the process is ready to be dumped alive, and stays.
func wait() {
	if readyFile == "" {
		abort()
	}
	writeFile(readyFile, []byte("ready\n"))
	for {
		nap(1000)
	}
}

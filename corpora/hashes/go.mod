module badmap.example/hashes

go 1.19

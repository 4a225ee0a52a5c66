module badmap.example/zoo

go 1.19

module badmap.example/load

go 1.19

module badmap.example/change

go 1.19

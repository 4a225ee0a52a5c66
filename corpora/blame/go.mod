module badmap.example/blame

go 1.19

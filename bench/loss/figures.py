k_all = {}

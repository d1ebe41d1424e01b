"""Files of the graph editor DagNet become definitions of Evenfall, with an account of every value in them."""

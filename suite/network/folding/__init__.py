"""Folding a copy of a network: what stands between its convolutions goes into them.

calls      how each module of it is called, with what that is no tensor
  └► tracing    a module's forward as a graph (torch.fx), or why there is none
        └► matching   what a node of it is: a batch norm, an activation, a sum
        └► fusing     the graph with fewer nodes, and the convolutions that do their work
              └► traced     a module that computes such a graph
folding    all of that for a network, or for the parts of it that have a graph
refusal    training, and loading what was saved unfolded, refused with words
"""

"""Ordered funnels over an event table: what may be asked, what answers it, and the attempts found."""

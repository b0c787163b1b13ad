"""Value betting: soft prices that beat the sharp books' consensus."""

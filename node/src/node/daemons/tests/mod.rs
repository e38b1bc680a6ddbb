//! Nodes with daemons that fail in every way, and links between them that do, too.

mod cluster;
mod codec;
mod desk;
mod fakes;
mod submissions;
mod world;

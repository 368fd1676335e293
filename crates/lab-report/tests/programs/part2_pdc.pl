# A PDC for part 2: shows a message as soon as the next one begins, and a large text as it is.
use strict;
use warnings;
use IO::Socket::INET;

my $command = shift;
my $link = IO::Socket::INET->new(PeerAddr => 'tcpip.epfl.ch', PeerPort => 5003, Proto => 'tcp') or die "connect: $!";
$| = 1;
$link->send($command);
my $rest = '';
while (sysread($link, my $piece, 4096)) {
    $rest .= $piece;
    next unless $command =~ /^CMD_short/;
    print "$1\n" while $rest =~ s/^(This is PMU data \d+)(?=This)//;
}
print "$rest\n";
